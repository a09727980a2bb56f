"""What every gallery must do: subclass ``GalleryContract`` in the engine's tests."""

from maskwise.testing.gallery_contract.accounting import AccountingContract
from maskwise.testing.gallery_contract.encoders import EncodersContract
from maskwise.testing.gallery_contract.enrolling import EnrollingContract
from maskwise.testing.gallery_contract.keeping import KeepingContract
from maskwise.testing.gallery_contract.moving import MovingContract
from maskwise.testing.gallery_contract.people import PeopleContract
from maskwise.testing.gallery_contract.searching import SearchingContract
from maskwise.testing.gallery_contract.sequences import SequencesContract


class GalleryContract(
    SearchingContract,
    EnrollingContract,
    PeopleContract,
    EncodersContract,
    KeepingContract,
    MovingContract,
    AccountingContract,
    SequencesContract,
):
    """Override ``connect``; pytest then runs these tests on it."""


__all__ = ["GalleryContract"]
