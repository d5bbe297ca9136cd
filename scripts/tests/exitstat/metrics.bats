# SPDX-License-Identifier: GPL-2.0
# exitstat's metrics, as the real programs that they are for take them: node_exporter, Prometheus and its promtool, with
# a model of KVM beneath exitstat. BUILD is the folder that it was built in.

bats_require_minimum_version 1.5.0

setup() {
    export PATH=$BUILD:$BUILD/tests:$PATH MODEL_COUNTS=$BATS_TEST_TMPDIR/counts LC_ALL=C.UTF-8
    unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
    : >"$MODEL_COUNTS"
    started=()
    cd "$BATS_TEST_TMPDIR" || return
    mkdir textfiles
}

teardown() {
    ((${#started[@]} == 0)) || kill "${started[@]}" 2>/dev/null || true
    wait
}

# Until a command succeeds.
await() { # COMMAND...
    for _ in {1..600}; do
        "$@" && return
        sleep 0.1
    done
    printf 'in vain: %s\n' "$*"
    tail -n 5 ./*.log
    return 1
}

# Starts a COMMAND that listens on a port of its own, which takes the place of PORT in it, and sets "address". Somebody
# else may be faster to take a port that was free.
serve() { # NAME PATH COMMAND...
    local name=$1 path=$2 pid tries=0
    shift 2
    while ((tries++ < 5)); do
        address=127.0.0.1:$(/usr/bin/python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
        "${@//PORT/${address#*:}}" >"$name.log" 2>&1 3>&- &
        pid=$!
        answers_or_ended() {
            curl -fs "http://$address$path" >/dev/null || ! kill -0 "$pid" 2>/dev/null
        }
        await answers_or_ended || return
        if kill -0 "$pid" 2>/dev/null; then
            started+=("$pid")
            return
        fi
    done
    cat "$name.log"
    return 1
}

# In the background until the test ends.
write_metrics() { # OPTION...
    MODEL_RATE=1000 exitstat_model "$@" 0.2 3>&- &
    started+=("$!")
}

serve_textfiles() {
    serve node_exporter /metrics prometheus-node-exporter --web.listen-address=127.0.0.1:PORT \
        --collector.disable-defaults --collector.textfile --collector.textfile.directory=textfiles
}

# The file metrics.om, as what it is.
serve_openmetrics() {
    serve openmetrics / /usr/bin/python3 -c '
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.end_headers()
        self.wfile.write(open("metrics.om", "rb").read())
http.server.HTTPServer(("127.0.0.1", PORT), Handler).serve_forever()'
}

# Scrapes TARGET each second; sets "prometheus".
serve_prometheus() { # TARGET PATH
    printf '%s\n' "global: {scrape_interval: 1s}" \
        "scrape_configs: [{job_name: test, metrics_path: $2, static_configs: [{targets: ['$1']}]}]" >prometheus.yml
    serve prometheus /-/ready prometheus --config.file=prometheus.yml --storage.tsdb.path=tsdb --web.listen-address=127.0.0.1:PORT
    prometheus=http://$address
}

# The value of the one series that QUERY is for.
value_of() { # QUERY
    curl -fsG --data-urlencode "query=$1" "$prometheus/api/v1/query" | jq -r '.data.result | if length == 1 then .[0].value[1] else empty end'
}

has_value() { # QUERY VALUE
    [ "$(value_of "$1")" = "$2" ]
}

is_positive() { # QUERY
    jq -en --arg value "$(value_of "$1")" '($value | tonumber) > 0' >/dev/null 2>&1
}

has_metadata() { # METRIC TYPE HELP
    [ "$(curl -fs "$prometheus/api/v1/metadata?metric=$1" | jq -r --arg name "$1" '.data[$name][0] | .type, .help')" = "$2"$'\n'"$3" ]
}

@test "promtool has nothing to find fault with in what --prometheus prints" {
    while read -r variable options; do
        # shellcheck disable=SC2086 # they are several words
        env "$variable" exitstat_model --prometheus $options >metrics.prom
        [ "$(wc -l <metrics.prom)" -gt 10 ]
        promtool check metrics <metrics.prom >says 2>&1 || { cat says && false; }
        [ ! -s says ] || { cat says && false; }
    done <<'TEXT'
MODEL_RATE=0
MODEL_RATE=0 --buckets
MODEL_RATE=0 --vcpu all
MODEL_EMULATED=1
MODEL_EMULATED=1 --buckets
MODEL_VIEWS=0x27
TEXT
    echo off >>"$MODEL_COUNTS"
    exitstat_model --prometheus | promtool check metrics
}

@test "both forms have what JSON has, by the rules of each" {
    exitstat_model --prometheus --buckets -o metrics.prom
    exitstat_model --openmetrics --buckets -o metrics.om
    exitstat_model --json >json
    /usr/bin/python3 - <<'PYTHON'
import json
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
report = json.load(open("json"))
names = []
for parse, file in (openmetrics, "metrics.om"), (prometheus, "metrics.prom"):
    families = {family.name: family for family in parse(open(file).read())}
    names.append(sorted(sample.name for family in families.values() for sample in family.samples))
    by_type = {}
    for name, family in families.items():
        assert family.documentation, name
        by_type.setdefault(family.type, []).append(name)
    assert "unknown" not in by_type and "untyped" not in by_type, by_type
    assert by_type["histogram"] == ["exitstat_vm_exit_handling_seconds"], by_type
    value = lambda name, field: {sample.labels["reason"]: sample.value for sample in families[name].samples
                                 if sample.name == name + field and sample.labels["reason"] != "CPUID"}
    # CPUID grows with each reading.
    reasons = [reason for reason in report["reasons"] if reason["name"] != "CPUID"]
    assert value("exitstat_vm_exits", "_total") == {reason["name"]: reason["exits"] for reason in reasons}
    assert value("exitstat_user_exits", "_total") == {reason["name"]: reason["user_exits"] for reason in reasons}
    for reason, seconds in value("exitstat_handling_seconds", "_total").items():
        assert [abs(r["ns"] / 1e9 - seconds) < 1e-8 for r in reasons if r["name"] == reason] == [True], reason
    buckets = {}
    for sample in families["exitstat_vm_exit_handling_seconds"].samples:
        if sample.name.endswith("_bucket"):
            buckets.setdefault(sample.labels["reason"], []).append((float(sample.labels["le"]), sample.value))
    for reason in reasons:
        b = buckets[reason["name"]]
        assert b == sorted(b) and len(b) == 32 and b[-1] == (float("inf"), reason["exits"]), b
        assert sorted(n for _, n in b) == [n for _, n in b], b
assert names[0] == names[1]
PYTHON
    [ "$(tail -n 1 metrics.om)" = "# EOF" ]
    ! grep "^# EOF" metrics.prom || false
}

@test "with an interval the file is replaced each time, and nothing is left beside it" {
    exitstat_model --prometheus -o textfiles/exitstat.prom 0.01 3
    [ "$(grep -c '^# TYPE exitstat_info ' textfiles/exitstat.prom)" = 1 ]
    exitstat_model --openmetrics -o textfiles/exitstat.om 0.01 3
    [ "$(grep -c '^# EOF' textfiles/exitstat.om)" = 1 ]
    [ "$(find textfiles -type f | wc -l)" = 2 ]
}

@test "node_exporter serves what --prometheus has written, with type and help" {
    exitstat_model --prometheus --buckets -o textfiles/exitstat.prom
    serve_textfiles
    curl -fs "http://$address/metrics" >served
    grep -qx 'node_textfile_scrape_error 0' served
    # It sorts the labels, and writes numbers in its own way.
    for line in '# TYPE exitstat_vm_exits_total counter' '# HELP exitstat_vm_exits_total VM-Exits by exit reason.' \
        'exitstat_vm_exits_total{code="30",idle="false",reason="IO_INSTRUCTION"} 12345' \
        '# TYPE exitstat_handling_seconds_total counter' 'exitstat_handling_seconds_total{code="12",idle="true",reason="HLT"} 0.408929884' \
        '# TYPE exitstat_vm_exit_handling_seconds histogram' \
        'exitstat_vm_exit_handling_seconds_bucket{code="30",idle="false",reason="IO_INSTRUCTION",le="+Inf"} 12345' \
        '# TYPE exitstat_info gauge' '# TYPE exitstat_age_seconds gauge' 'exitstat_counting 1' 'exitstat_vcpus 2'; do
        grep -qxF "$line" served || { echo "lacks $line" && cat served && false; }
    done
    ! grep "untyped\|Metric read from" served || false
}

@test "Prometheus gets them by node_exporter, and rates of what goes on" {
    write_metrics --prometheus -o textfiles/exitstat.prom
    await test -e textfiles/exitstat.prom
    serve_textfiles
    serve_prometheus "$address" /metrics
    await has_value 'exitstat_vm_exits_total{reason="HLT"}' 50
    await is_positive 'rate(exitstat_vm_exits_total{reason="IO_INSTRUCTION"}[15s])'
    await is_positive 'sum(rate(exitstat_handling_seconds_total{idle="false"}[15s]))'
    has_value 'count(exitstat_info{isa="vmx",abi="1",emulated="false"})' 1
    has_metadata exitstat_vm_exits_total counter "VM-Exits by exit reason."
    has_metadata exitstat_vcpus gauge "vCPUs of the VM."
}

@test "Prometheus reads OpenMetrics, histograms included" {
    exitstat_model --openmetrics --buckets -o metrics.om
    serve_openmetrics
    serve_prometheus "$address" /
    await has_value 'exitstat_vm_exits_total{reason="IO_INSTRUCTION"}' 12345
    has_value 'exitstat_vm_exit_handling_seconds_count{reason="HLT"}' 50
    is_positive 'histogram_quantile(0.9, exitstat_vm_exit_handling_seconds_bucket{reason="IO_INSTRUCTION"})'
    has_metadata exitstat_vm_exits counter "VM-Exits by exit reason."
    has_metadata exitstat_vm_exit_handling_seconds histogram "Time in which KVM handled a VM-Exit."
    has_value up 1
}
