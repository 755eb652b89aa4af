"""The commands, thin and by what they are for; the stages do the work and are imported when used."""
