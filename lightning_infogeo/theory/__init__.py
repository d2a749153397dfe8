"""Linear theory: when should a training trajectory be low-dimensional? Following arXiv 2505.08915."""

from lightning_infogeo.theory.covariance import trajectory_covariance as trajectory_covariance
from lightning_infogeo.theory.measured import ProbeSpectrum as ProbeSpectrum
from lightning_infogeo.theory.measured import gaussian_distances as gaussian_distances
from lightning_infogeo.theory.measured import measured_spectrum as measured_spectrum
from lightning_infogeo.theory.measured import probe_spectrum as probe_spectrum
from lightning_infogeo.theory.phase_diagram import PhaseDiagram as PhaseDiagram
from lightning_infogeo.theory.phase_diagram import phase_diagram as phase_diagram
from lightning_infogeo.theory.prediction import HyperRibbon as HyperRibbon
from lightning_infogeo.theory.prediction import LowDimensional as LowDimensional
from lightning_infogeo.theory.prediction import Spectrum as Spectrum
from lightning_infogeo.theory.prediction import hyper_ribbon as hyper_ribbon
from lightning_infogeo.theory.prediction import low_dimensional as low_dimensional
from lightning_infogeo.theory.prediction import predicted_spectrum as predicted_spectrum
from lightning_infogeo.theory.slope import Decay as Decay
from lightning_infogeo.theory.slope import Slope as Slope
from lightning_infogeo.theory.slope import decay_slope as decay_slope
from lightning_infogeo.theory.slope import power_slope as power_slope
from lightning_infogeo.theory.spectrum import InputSpectrum as InputSpectrum
from lightning_infogeo.theory.spectrum import input_spectrum as input_spectrum
from lightning_infogeo.theory.spectrum import kernel_spectrum as kernel_spectrum
