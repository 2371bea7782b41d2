"""Terms against leakage that can be added to the likelihood, one a file.

A penalty is a module made by ``factory(jobs, weight, device)`` for the K stacked IINs of some jobs;
``forward(view) -> (K,)`` gives what it adds to each one's loss, in nats a row, weight and ramp
included. Its own parameters, a critic's, have the stack of IINs in front and at least three axes;
they descend on the same sum, and what is turned round for the flow it turns round itself.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from iin_core.jobs import Job
from iin_core.penalties.adversary import adversary
from iin_core.penalties.critic import critic
from iin_core.penalties.hsic import hsic
from iin_core.penalties.view import PenaltyView, penalty_view

Factory = Callable[[Sequence[Job], float, torch.device], nn.Module]
PENALTIES: Mapping[str, Factory] = {"adversary": adversary, "critic": critic, "hsic": hsic}

__all__ = ["PENALTIES", "Factory", "PenaltyView", "penalty_view"]
