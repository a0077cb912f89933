"""Imported before torch, which reads these when it is loaded.

Threads that wait for work sleep instead of spinning. A spinning thread holds the core that the one it waits for needs,
wherever anything else runs on the machine: training was seen to take 4 to 18 times as long on two cores beside one
other process. And large tensors are asked for in huge pages: what a step frees goes back to the system, and taking it
again page by page was a sixth of a training step.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
