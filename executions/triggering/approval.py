"""Where launches are approved, nothing launches by itself: nothing can be activated, and what is active rests.

An active trigger is asked of the workspace's setting whenever it would send: its events are refused, not kept for the
day on which the setting is changed, and it goes on with those that come from then on. What was launched goes on.
"""

from executions.reading.activations import NEEDS_APPROVAL
from executions.triggering.passing_over import Why

APPROVAL_REQUIRED = Why(**NEEDS_APPROVAL)
