"""What indexes a workload wants, measured on a copy: `advise` finds, `prove` looks again."""
