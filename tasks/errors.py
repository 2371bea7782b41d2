"""The errors of studies: each tells where to look and what to do, and ends with its exit code."""

from __future__ import annotations

from iin_core.errors import IinError


class StudyError(IinError):
    """The study file, or something that it names, is wrong; no compute was spent."""

    exit_code = 2
    anchor = "study"


class EnvironmentProblem(IinError):
    """The machine, the cluster, a server or a disk is not as the study needs it."""

    exit_code = 3
    anchor = "environment"


class UnitFailed(IinError):
    """Some IINs could not be trained or evaluated; the others are sealed."""

    exit_code = 4
    anchor = "unit"


class DamagedOutput(IinError):
    """Stored data is missing, cut short or changed."""

    exit_code = 5
    anchor = "damaged"
