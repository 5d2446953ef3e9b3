"""What an inventory file may say: the reference, which ``clusterlb schema`` prints."""
