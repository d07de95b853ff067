"""The page of proofs: what algebra says of each partial of the elementwise table."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))

from tests.symbolic import page as page
