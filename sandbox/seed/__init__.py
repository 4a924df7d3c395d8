"""What the sandbox begins with: real ultrasound images, customers and applications."""
