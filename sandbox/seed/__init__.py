"""Initial data of the sandbox: real ultrasound images, customers and applications."""
