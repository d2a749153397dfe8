"""A monitor each of whose records a test surrounds by something of its own."""

from lightning_infogeo import InfoGeometryMonitor


class WrappedRecords(InfoGeometryMonitor):
    """``_record`` makes one: a subclass overrides it, and calls it."""

    def _opened(self, trainer, module):
        session = super()._opened(trainer, module)
        self._make_record = session._record
        session._record = self._record
        return session

    def _record(self, *args, **kwargs):
        self._make_record(*args, **kwargs)
