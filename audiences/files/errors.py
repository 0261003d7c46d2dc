class UnusableFile(ValueError):
    """Nothing of the file can be imported, or nothing more; the message says why and how to mend it."""
