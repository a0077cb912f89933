"""Set what PyTorch reads from the environment when it is loaded; import this before torch.

Threads that wait for work sleep instead of spinning. A spinning thread holds a core that another thread needs: beside
one other process on two cores, training took 4 to 18 times as long. Large tensors are allocated in huge pages: the
memory of a step goes back to the system, and taking it again page by page took a sixth of a training step. PyTorch's
profiler, which measures memory, prints no log of its own.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # above all of its levels
