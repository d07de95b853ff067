"""Pictures of graphs: `draw`, and the page that plays backpropagation, `play`."""

from .drawing import Drawing as Drawing
from .drawing import draw as draw
from .player import play as play
