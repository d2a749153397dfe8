"""Comparing many runs: one embedding, distances between trajectories at equal progress, and what groups them.

Source: Mao et al., arXiv 2305.01604.
"""

from lightning_infogeo.comparison.compare import compare as compare
from lightning_infogeo.comparison.course import Course as Course
from lightning_infogeo.comparison.dendrogram import dendrogram as dendrogram
from lightning_infogeo.comparison.dendrogram import leaf_order as leaf_order
from lightning_infogeo.comparison.effects import Effect as Effect
from lightning_infogeo.comparison.effects import what_sets_runs_apart as what_sets_runs_apart
from lightning_infogeo.comparison.group_pairs import GroupPair as GroupPair
from lightning_infogeo.comparison.grouping import Grouping as Grouping
from lightning_infogeo.comparison.jobs import Work as Work
from lightning_infogeo.comparison.joint import JointEmbedding as JointEmbedding
from lightning_infogeo.comparison.joint import joint_embedding as joint_embedding
from lightning_infogeo.comparison.nulls import shuffled_within_classes as shuffled_within_classes
from lightning_infogeo.comparison.permutation import permutation_p_value as permutation_p_value
from lightning_infogeo.comparison.reindexed import Tube as Tube
from lightning_infogeo.comparison.reindexed import trajectory_distance as trajectory_distance
from lightning_infogeo.comparison.result import Comparison as Comparison
from lightning_infogeo.comparison.run import RecordedRun as RecordedRun
from lightning_infogeo.comparison.run import Recording as Recording
from lightning_infogeo.comparison.speed import steps_to_reach as steps_to_reach
