#!/usr/bin/env python
"""The portal's command line in a checkout; a wheel installs the same as `integrator-portal`."""

from portal.__main__ import main

if __name__ == "__main__":
    main()
