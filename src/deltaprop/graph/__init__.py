"""Ground floor: nodes, operations with their derivative rules, and the two sweeps."""

from .cotangent import Masked as Masked
from .cotangent import Selection as Selection
from .cotangent import broadcast_to as broadcast_to
from .cotangent import conj as conj
from .cotangent import raw as raw
from .cotangent import sum_to as sum_to
from .elementwise import Elementwise as Elementwise
from .elementwise import along as along
from .elementwise import over as over
from .node import Node as Node
from .node import topological_order as topological_order
from .primitive import REGISTRY as REGISTRY
from .primitive import Bilinear as Bilinear
from .primitive import Custom as Custom
from .primitive import Linear as Linear
from .primitive import Primitive as Primitive
from .primitive import gathered as gathered
from .primitive import holds_nodes as holds_nodes
from .symbol import Symbol as Symbol
from .symbol import TraceError as TraceError
from .symbol import UnfitError as UnfitError
from .symbol import as_array as as_array
from .symbol import refuse_masks as refuse_masks
from .symbol import tracing as tracing
from .symbol import verify as verify
