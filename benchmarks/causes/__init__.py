"""How true what is told of causes is: clusters, whose they are and since when, compared with a labelled history."""
