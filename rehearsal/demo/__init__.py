"""The demo: the story that `tidewatch rehearse` plays, and the rehearsal that stays afterwards."""
