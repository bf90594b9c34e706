"""Objects back from a bundle: which, in which form, beside what lives, and what keeps one from coming back."""
