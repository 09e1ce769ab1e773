"""What the controller says of itself: metrics and logs."""

from canary_adapters.telemetry.logs import LogNotifier, configure_logging
from canary_adapters.telemetry.metrics import Telemetry, TelemetryNotifier

__all__ = ["LogNotifier", "Telemetry", "TelemetryNotifier", "configure_logging"]
