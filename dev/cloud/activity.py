"""What a group did, when and why: its scaling activities."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

import clock


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass
class Activity:
    """One launch or termination; times in seconds since 1970."""

    group: str
    description: str
    why: str
    status: str = "InProgress"
    message: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=clock.now)
    ended: float | None = None

    def end(self, status: str, message: str | None = None):
        self.status, self.message, self.ended = status, message, clock.now()

    def answer(self) -> dict:
        """As the API tells it."""
        started = moment(self.started)
        found = {
            "ActivityId": self.id,
            "AutoScalingGroupName": self.group,
            "Description": self.description,
            "Cause": f"At {started:%Y-%m-%dT%H:%M:%SZ} in response to {self.why}.",
            "StartTime": started,
            "StatusCode": self.status,
            "Progress": 50 if self.ended is None else 100,
            "Details": "{}",
        }
        if self.ended is not None:
            found["EndTime"] = moment(self.ended)
        if self.message:
            found["StatusMessage"] = self.message
        return found
