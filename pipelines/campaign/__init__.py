"""Campaigns: one file from ten thousand glasses to every figure, on a laptop, a node or a cluster.

How it fits together, in the order in which a campaign goes through it::

    document.py    reads CAMPAIGN.toml and knows the line of every key, so that an error can name it;
    tables.py      what all tables of it share, and how keys become the fields of frozen dataclasses;
    simulating.py  the tables that make runs: ``[cool.X]``, ``[anneal.X]``, ``[deposit.X]``, ``[cool-film.X]``;
    measuring.py   those that read them: ``[analyze.X]``, ``[compare.X]`` and ``[report]``;
    teaching.py    those that learn: ``[dataset.X]``, ``[train.X]``, ``[evaluate.X]``, ``[transfer.X]`` and others;
    campaign.py    the whole file: its tables become *stages*, in an order in which they can be done; a stage is one or
                   many *tasks*;
    tasks.py       the contract between a task and whoever runs it: a directory a task, described in ``task.json``;
    directory.py   the campaign's directory: ``campaign.toml`` as it was when it began, ``workspace/`` with the tasks;
    actions.py     what a task does, by the verbs of the command line as plain functions;
    perform.py     ``vitrify task STAGE DIR``: one task, alone in its directory, whole or not at all;
    state.py       what became of every task, from its directory alone;
    work.py        how much a task is, counted by hand; rates.py: how fast a device is; plan.py: both together;
    local.py       ``vitrify campaign run``: tasks on the cores or GPUs of this machine; status.py: how far it is.

The contract, which any scheduler can hold. ``DIR`` is ``workspace/<task>``. A task of a stage with replicas is a batch
of them, ``<stage>-<batch>``, with its place (``first_replica``) and its seed in the spec in its ``task.json``; all
other stages are one task, ``<stage>``. ``vitrify task STAGE DIR`` needs nothing but that file and the products of the
tasks named in it, which lie in the directories beside ``DIR``. It exits

- 0 with the product at ``DIR/<stage>``: a directory with ``DONE``, put there by renaming ``DIR/working/<stage>``;
- 85 where a signal or ``--time-limit`` came: checkpointed in ``DIR/working``, and the same command goes on from there;
- 75 where it may not begin: an input is not there yet or has failed, or another process is at it. Nothing was written;
- anything else with the error's one line in ``DIR/error``, which goes when the task begins anew.

So ``DIR/<stage>`` says that a task is done, whoever asks; a second process finds the directory locked; and the batches
of one ensemble differ in ``first_replica`` alone, which is how everything that reads runs knows that they are one.

A scheduler asks :func:`~vitrify.pipelines.campaign.campaign.read_campaign` for the stages, each with its tasks and with
the stages it ``needs``; :func:`~vitrify.pipelines.campaign.campaign.check_options` for what takes JAX to check;
:func:`~vitrify.pipelines.campaign.directory.begin` for the directory, which refuses a campaign that was edited since;
and :func:`~vitrify.pipelines.campaign.state.survey` for what is done, running, failed, or ready to begin.
"""
