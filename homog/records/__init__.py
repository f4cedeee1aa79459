"""Predictions with their provenance, and the one place where they are kept."""

from homog.files import replacing as replacing
from homog.records.record import CLEAN as CLEAN
from homog.records.record import COUNTERPART as COUNTERPART
from homog.records.record import Record as Record
from homog.records.record import RecordError as RecordError
from homog.records.record import UnreadableError as UnreadableError
from homog.records.store import STARTED as STARTED
from homog.records.store import clear_failure as clear_failure
from homog.records.store import count as count
from homog.records.store import extended as extended
from homog.records.store import failure as failure
from homog.records.store import finished as finished
from homog.records.store import held as held
from homog.records.store import kept as kept
from homog.records.store import load as load
from homog.records.store import load_or_none as load_or_none
from homog.records.store import load_weights as load_weights
from homog.records.store import lock as lock
from homog.records.store import model_folder as model_folder
from homog.records.store import model_kept as model_kept
from homog.records.store import record_path as record_path
from homog.records.store import report_folder as report_folder
from homog.records.store import save as save
from homog.records.store import save_failure as save_failure
from homog.records.store import save_weights as save_weights
from homog.records.store import weights_path as weights_path
