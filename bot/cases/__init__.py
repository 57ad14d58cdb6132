"""What a machine must not decide alone: cases, who proposed what, and who agreed."""
