"""Archives: recorded runs on disk, append-only, crash-safe, made of arrays and JSON only."""

from lightning_infogeo.archive.background import BackgroundWriter as BackgroundWriter
from lightning_infogeo.archive.finding import find_archives as find_archives
from lightning_infogeo.archive.folder import ArchiveError as ArchiveError
from lightning_infogeo.archive.folder import ArchiveInUse as ArchiveInUse
from lightning_infogeo.archive.folder import Folder as Folder
from lightning_infogeo.archive.inputs import from_arrays as from_arrays
from lightning_infogeo.archive.inputs import to_arrays as to_arrays
from lightning_infogeo.archive.reader import Amplitudes as Amplitudes
from lightning_infogeo.archive.reader import Archive as Archive
from lightning_infogeo.archive.reader import ArchivedTrajectory as ArchivedTrajectory
from lightning_infogeo.archive.writer import ArchiveWriter as ArchiveWriter
from lightning_infogeo.archive.writer import Row as Row
