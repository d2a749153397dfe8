"""A monitor each of whose records a test or a benchmark surrounds by something of its own."""

from lightning_infogeo import InfoGeometryMonitor


class WrappedRecords(InfoGeometryMonitor):
    """``_record`` makes one: a subclass overrides it, and calls it."""

    def on_train_start(self, trainer, pl_module):
        opened = self._recorded.open

        def open_wrapped(*args):
            session = opened(*args)
            self._make_record, session._record = session._record, self._record
            return session

        self._recorded.open = open_wrapped
        super().on_train_start(trainer, pl_module)
        del self._recorded.open

    def _record(self, *args, **kwargs):
        self._make_record(*args, **kwargs)
