"""What follows from allauth's signals."""

from allauth.account import signals

from accounts.services.attempts import count_wrong_code, forget_failures

signals.login_code_rejected.connect(count_wrong_code)
signals.password_reset_code_rejected.connect(count_wrong_code)
signals.email_verification_code_rejected.connect(count_wrong_code)
signals.password_reset.connect(forget_failures)
