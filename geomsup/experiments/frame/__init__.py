"""What an experiment is made of, and what all of them measure."""
