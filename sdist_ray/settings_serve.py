"""The settings of sdist-ray serve."""

from __future__ import annotations

from dataclasses import dataclass, field

from sdist_ray.errors import InputError
from sdist_ray.settings_detector import require

EVENTS = ("violation", "topology")


@dataclass
class ServeJob:
    """sdist-ray serve: a run in a browser, while it goes on and after.

    Attributes:
        run: the run's folder.
        host, port: where to listen; port 0 is any that is free.
        allowed_hosts: further names by which browsers may ask, without ports.
        token_file: holds the token that changes cameras; None: ``SDIST_SERVE_TOKEN``, or nobody does.
        public: lets everybody who can reach the server read, where others than this machine can.
        look_s: seconds between two looks at the run's folder.
        niceness: of the process; Ray's workers have 15.
        webhooks: addresses that are told what happens.
        webhook_events: what they are told.
        webhook_secret_file: holds the secret that messages are signed with; None: ``SDIST_WEBHOOK_SECRET``.
    """

    run: str | None = None
    host: str = "127.0.0.1"
    port: int = 8400
    allowed_hosts: list[str] = field(default_factory=list)
    token_file: str | None = None
    public: bool = False
    look_s: float = 1.0
    niceness: int = 15
    webhooks: list[str] = field(default_factory=list)
    webhook_events: list[str] = field(default_factory=lambda: list(EVENTS))
    webhook_secret_file: str | None = None

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        if not self.run:
            raise InputError("serve needs a run's folder: sdist-ray serve RUN")
        require("port", self.port, 0 <= self.port <= 65535, "0 to 65535")
        require("look_s", self.look_s, 0.1 <= self.look_s <= 3600, "0.1 to 3600 s")
        require("niceness", self.niceness, 0 <= self.niceness <= 19, "0 to 19")
        for event in self.webhook_events:
            require("webhook_events", event, event in EVENTS, EVENTS)
        for name in (self.host, *self.allowed_hosts):
            require(
                "host and allowed_hosts", name, bool(name) and "/" not in name, "names or addresses alone"
            )
