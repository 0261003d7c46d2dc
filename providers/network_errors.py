"""Trouble on the network, as people call it."""

import errno
import os
import ssl


def in_words(error: Exception) -> str:
    """As in `connection refused`, without number and address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate was not accepted: {error.verify_message}"
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno).lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)
