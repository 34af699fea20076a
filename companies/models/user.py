"""People who sign in."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

NO_ADDRESS = "sans-adresse.invalid"  # of accounts that a phone opens: no mail ever leaves for it
ERASED = "erased.invalid"  # of accounts whose holder had them erased


class UserManager(BaseUserManager["User"]):
    """Creates accounts. An account has no password: one signs in with an e-mailed code or a passkey."""

    def create_user(self, email: str, full_name: str = "", **fields: object) -> "User":
        user = self.model(email=email.strip().lower(), full_name=full_name, **fields)
        user.set_unusable_password()
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """An account, known by its e-mail address. What it may do stands in memberships and roles, never here."""

    email = models.EmailField(_("e-mail address"), unique=True)
    full_name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(
        _("language"), max_length=5, choices=[("fr", _("French")), ("en", _("English"))], default="fr"
    )
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    _roles_by_company: "dict[int, set[str]] | None" = None  # read once per request, by companies.access
    _is_association_staff: "bool | None" = None
    objects = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once_whatever_case")]

    def __str__(self) -> str:
        if self.email.endswith(f"@{ERASED}"):
            return gettext("Erased account")
        return self.full_name or self.email

    @property
    def has_address(self) -> bool:
        """False for accounts that are opened by a phone only."""
        return not self.email.endswith(f"@{NO_ADDRESS}")
