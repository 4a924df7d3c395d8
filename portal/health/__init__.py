"""What is wrong: the registered checks as pages, a daily mail, a command and an answer to load balancers."""
