"""The log groups and streams of the emulated account, as a test reads and spoils them."""

from datetime import timedelta

from moto.core.utils import unix_time_millis


class LogStreams:
    """`client` is a CloudWatch Logs client, `backend` moto's model behind it, `lock` its lock."""

    def __init__(self, client, backend, lock):
        self._client = client
        self._backend = backend
        self._lock = lock

    def streams(self) -> dict[str, dict[str, dict]]:
        """All log groups, their streams, their events, straight from the backend."""
        with self._lock:
            return {
                name: {
                    stream: {
                        "created": int(unix_time_millis(found.creation_time)),
                        "events": [
                            {
                                "timestamp": event.timestamp,
                                "ingested": event.ingestion_time,
                                "message": event.message,
                            }
                            for event in found.events
                        ],
                    }
                    for stream, found in sorted(group.streams.items())
                }
                for name, group in sorted(self._backend.groups.items())
            }

    def create(self, group: str, stream: str):
        """A stream, and its log group where there is none."""
        # Not under the lock: the client's own call needs it.
        try:
            self._client.create_log_group(logGroupName=group)
        except self._client.exceptions.ResourceAlreadyExistsException:
            pass
        self._client.create_log_stream(logGroupName=group, logStreamName=stream)

    def delete(self, group: str, stream: str):
        self._client.delete_log_stream(logGroupName=group, logStreamName=stream)

    def put(self, group: str, stream: str, message: str, timestamp: int):
        """One event, whatever it says; the timestamp is in milliseconds since 1970."""
        self._client.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": timestamp, "message": message}],
        )

    def retain(self, group: str, days: int):
        """What an operator must never do."""
        self._client.put_retention_policy(logGroupName=group, retentionInDays=days)

    def age(self, group: str, stream: str, seconds: float):
        """Makes a stream and its events look so much older."""
        with self._lock:
            found = self._backend.groups[group].streams[stream]
            found.creation_time -= timedelta(seconds=seconds)
            for event in found.events:
                event.timestamp -= int(seconds * 1000)
                event.ingestion_time -= int(seconds * 1000)
