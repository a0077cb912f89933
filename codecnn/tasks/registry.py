"""Find tasks by name."""

from typing import Any

from codecnn.tasks.chroma_filter import ChromaFilter
from codecnn.tasks.in_loop_filter import InLoopFilter
from codecnn.tasks.intra_mode import IntraMode
from codecnn.tasks.intra_prediction import IntraPrediction
from codecnn.tasks.mode_coding import ModeCoding
from codecnn.tasks.task import Task

TASKS: dict[str, type[Task[Any]]] = {
    task.name: task for task in (InLoopFilter, ChromaFilter, IntraMode, IntraPrediction, ModeCoding)
}
