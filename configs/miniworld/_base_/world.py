# Where the study is, and its configs.
root = '{{$MINIWORLD_STUDY:work_dirs/study/miniworld}}'
world = f'{root}/world/data'
configs = '{{ fileDirname }}/..'
