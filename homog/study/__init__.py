"""A study: study.yaml -> its cells -> those that still have to be computed -> jobs."""

from homog.study.cells import controls as controls
from homog.study.cells import expand as expand
from homog.study.grid import Arms as Arms
from homog.study.grid import Block as Block
from homog.study.grid import load as load
from homog.study.grid import names as names
from homog.study.grid import preset as preset
from homog.study.grid import presets as presets
from homog.study.requirements import check as check
from homog.study.requirements import needed_sources as needed_sources
from homog.study.todo import exposed_by as exposed_by
from homog.study.todo import pending as pending
from homog.study.todo import shown_to as shown_to
from homog.study.todo import views as views
