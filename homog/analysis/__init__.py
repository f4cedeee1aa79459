"""Records -> results: harm less that of the control, means over tasks, who fails together, and what it says."""

from homog.analysis.inherited import LEVEL as LEVEL
from homog.analysis.inherited import clean_cost as clean_cost
from homog.analysis.inherited import difference as difference
from homog.analysis.inherited import inherited as inherited
from homog.analysis.inherited import summary as summary
from homog.analysis.inherited import undefined as undefined
from homog.analysis.results import GROUP as GROUP
from homog.analysis.results import WRITTEN as WRITTEN
from homog.analysis.results import Frame as Frame
from homog.analysis.results import Results as Results
from homog.analysis.results import effects as effects
from homog.analysis.results import missing as missing
from homog.analysis.results import read as read
from homog.analysis.results import settings as settings
