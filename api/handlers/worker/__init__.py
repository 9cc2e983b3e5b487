"""Operations of what executes runs and jobs: machines, and the platform's workers, which send forms."""
