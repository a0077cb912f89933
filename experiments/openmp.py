"""Imported before torch: threads that wait for work sleep instead of spinning.

A spinning thread holds the core that the one it waits for needs, wherever anything else runs on the machine: training
was seen to take 4 to 18 times as long on two cores beside one other process. The runtime reads this when it is loaded.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
