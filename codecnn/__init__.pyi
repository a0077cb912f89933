from .dataset.reader import Shard as Shard
from .dataset.reader import open_folder as open_folder
from .errors import InputError as InputError
from .inference.filtering import filter_picture as filter_picture
from .intra.block_size import BlockSize as BlockSize
from .labels.search import label_picture as label_picture
from .metrics import bd_rate as bd_rate
from .metrics import psnr as psnr
from .models.weights import load_weights as load_weights
from .video.clip import open_clip as open_clip
from .video.format_options import FormatOptions as FormatOptions
from .video.picture import Picture as Picture

__all__: list[str]
__version__: str
