"""What surrounds a rollout, disturbed: an application on an API server, what is done to it, and a meter.

From the bottom: `routing` says whom a request reaches, from the objects of an API server alone, and `meter` adds up
what reaches nobody. `world` is a cluster, `place` a namespace of it with an application, `hands` what people do there,
`outside` what a rollout asks elsewhere. `catalogue` lists the disturbances (`of_...`), `play` plays one at one moment
and makes a `Record` of it, `campaign` plays them all, `known_failures` says which of them fail today, and `table`
writes what came out.
"""
