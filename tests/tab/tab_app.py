"""The plugin inside TensorBoard's application, in this process, with its loader in Python."""

import json

from tensorboard.backend import application
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.base_plugin import TBContext
from werkzeug.test import Client

from infogeo_tensorboard import InfogeoLoader
from infogeo_tensorboard.troubles import Troubles

PATH = "/data/plugin/infogeo/"


class TabApp:
    """A log directory that is read when ``reload`` is called.

    Attributes:
        read: runs and tags of the tensors that have been read, those of a request in any order.
        requests: bytes of the tensors of each request for them.
        away: runs and tags that cannot be read now.
        plugin: the plugin.
    """

    def __init__(self, logdir, hints=None):
        self.logdir, self.read, self.requests, self.away = str(logdir), [], [], set()
        self._multiplexer = EventMultiplexer(tensor_size_guidance={"infogeo": 0})
        self.provider = MultiplexerDataProvider(self._multiplexer, self.logdir)
        read_tensors = self.provider.read_tensors

        def noted(*args, **kwargs):
            chosen = kwargs["run_tag_filter"]
            asked = [(run, tag) for run in chosen.runs for tag in chosen.tags]
            self.read += asked
            if self.away.intersection(asked):
                raise ConnectionError("UNAVAILABLE")
            found = read_tensors(*args, **kwargs)
            sizes = [datum.numpy.nbytes for tags in found.values() for data in tags.values() for datum in data]
            self.requests.append(sum(sizes))
            return found

        self.provider.read_tensors = noted
        context = TBContext(data_provider=self.provider, logdir=self.logdir, sampling_hints=hints or {})
        self.plugin = InfogeoLoader().load(context)
        self._client = Client(application.TensorBoardWSGI([self.plugin], data_provider=self.provider))
        self.reload()

    def set_clock(self, clock):
        """Makes it take the time, in seconds, from a function."""
        self.plugin._started().library.reader.troubles = Troubles(clock)

    def reload(self):
        """Reads what has been written."""
        self._multiplexer.AddRunsFromDirectory(self.logdir)
        self._multiplexer.Reload()

    def respond(self, route, method="GET", query=None, **arguments):
        """Returns the response to a request, with a query as it is or made of arguments."""
        return self._client.open(PATH + route, method=method, query_string=query or arguments)

    def get(self, route, **arguments):
        """Returns the status and what JSON says."""
        response = self.respond(route, **arguments)
        assert response.content_type == "application/json", response.content_type
        return response.status_code, json.loads(response.data, parse_constant=_no_json)

    def ask(self, route, **arguments):
        """Returns the answer to a request that has one."""
        code, answer = self.get(route, **arguments)
        assert code == 200, answer
        return answer

    def keys(self):
        """Returns the keys of the maps by their titles."""
        return {one["title"]: one["key"] for one in self.ask("state")["maps"]}

    def key(self):
        """Returns the key of the only map."""
        (key,) = self.keys().values()
        return key


def _no_json(constant):
    raise ValueError(f"{constant} is no JSON")
