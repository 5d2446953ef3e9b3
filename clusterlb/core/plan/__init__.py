"""From one director state to another: the steps, their order, and what of them waits."""
