"""What browsers allow in the administration, and which of their features no page uses."""

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE

# What the administration needs besides the policy of every page: its theme evaluates the expressions in its
# templates (Alpine), and writes its colours and measures into the page.
ADMINISTRATION = {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}

# The viewer uses full screen, and plays loops only when the reader starts them.
_REFUSED = (
    "accelerometer",
    "autoplay",
    "browsing-topics",
    "camera",
    "clipboard-read",
    "display-capture",
    "encrypted-media",
    "gamepad",
    "geolocation",
    "gyroscope",
    "hid",
    "identity-credentials-get",
    "idle-detection",
    "keyboard-map",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "otp-credentials",
    "payment",
    "publickey-credentials-create",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "storage-access",
    "sync-xhr",
    "usb",
    "window-management",
    "xr-spatial-tracking",
)
PERMISSIONS = ", ".join([*(f"{name}=()" for name in _REFUSED), "fullscreen=(self)"])
