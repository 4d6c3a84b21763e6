"""A runner that starts a job server when it runs a pipeline, as those for Flink, Spark and Prism do."""

from typing import Any

from apache_beam.runners.portability.job_server import EmbeddedJobServer, StopOnExitJobServer
from apache_beam.runners.portability.portable_runner import PortableRunner


class JobServerRunner(PortableRunner):
    """Starts a job server in this process, and, as Beam does for all it starts, sets a handler of Ctrl-C for it."""

    def default_job_server(self, options: Any) -> StopOnExitJobServer:
        """Returns the server, not yet started."""
        return StopOnExitJobServer(EmbeddedJobServer())
