"""What telemetry needs that no type can say."""

from config.http_syntax import is_header_name, is_header_value, url_problem
from config.report import Report
from config.telemetry import Telemetry


def check_telemetry(telemetry: Telemetry, report: Report) -> None:
    """Add the mistakes of where traces and metrics go."""
    otlp = telemetry.otlp
    if otlp is None:
        return
    path = ("telemetry", "otlp")
    if problem := url_problem(otlp.endpoint, ("http", "https")):
        allowed = "the collector's address for OTLP over HTTP, as http://localhost:4318"
        report.add((*path, "endpoint"), problem, allowed=allowed)
    for name, value in otlp.headers.items():
        if not is_header_name(name) or not is_header_value(value):
            report.add((*path, "headers", name), "this can't be sent as a header")
