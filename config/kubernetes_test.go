package config

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	"go.yaml.in/yaml/v3"
)

// The parts of Kubernetes' types that the manifest uses. They are decoded
// strictly: a misspelt or misplaced field, which Kubernetes would drop, fails.
type (
	meta struct {
		Name   string            `yaml:"name"`
		Labels map[string]string `yaml:"labels"`
	}
	configMap struct {
		APIVersion string            `yaml:"apiVersion"`
		Kind       string            `yaml:"kind"`
		Metadata   meta              `yaml:"metadata"`
		Data       map[string]string `yaml:"data"`
	}
	claim struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Metadata   meta   `yaml:"metadata"`
		Spec       struct {
			AccessModes []string `yaml:"accessModes"`
			Resources   struct {
				Requests map[string]string `yaml:"requests"`
			} `yaml:"resources"`
		} `yaml:"spec"`
	}
	cronJob struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Metadata   meta   `yaml:"metadata"`
		Spec       struct {
			Schedule                   string `yaml:"schedule"`
			TimeZone                   string `yaml:"timeZone"`
			ConcurrencyPolicy          string `yaml:"concurrencyPolicy"`
			StartingDeadlineSeconds    int    `yaml:"startingDeadlineSeconds"`
			SuccessfulJobsHistoryLimit int    `yaml:"successfulJobsHistoryLimit"`
			FailedJobsHistoryLimit     int    `yaml:"failedJobsHistoryLimit"`
			JobTemplate                struct {
				Metadata meta    `yaml:"metadata"`
				Spec     jobSpec `yaml:"spec"`
			} `yaml:"jobTemplate"`
		} `yaml:"spec"`
	}
	jobSpec struct {
		ActiveDeadlineSeconds   int `yaml:"activeDeadlineSeconds"`
		BackoffLimit            int `yaml:"backoffLimit"`
		TTLSecondsAfterFinished int `yaml:"ttlSecondsAfterFinished"`
		PodFailurePolicy        struct {
			Rules []struct {
				Action      string `yaml:"action"`
				OnExitCodes struct {
					ContainerName string `yaml:"containerName"`
					Operator      string `yaml:"operator"`
					Values        []int  `yaml:"values"`
				} `yaml:"onExitCodes"`
				OnPodConditions []struct {
					Type   string `yaml:"type"`
					Status string `yaml:"status"`
				} `yaml:"onPodConditions"`
			} `yaml:"rules"`
		} `yaml:"podFailurePolicy"`
		Template struct {
			Metadata meta    `yaml:"metadata"`
			Spec     podSpec `yaml:"spec"`
		} `yaml:"template"`
	}
	podSpec struct {
		RestartPolicy                 string `yaml:"restartPolicy"`
		AutomountServiceAccountToken  *bool  `yaml:"automountServiceAccountToken"`
		EnableServiceLinks            *bool  `yaml:"enableServiceLinks"`
		TerminationGracePeriodSeconds int    `yaml:"terminationGracePeriodSeconds"`
		SecurityContext               struct {
			RunAsNonRoot   bool `yaml:"runAsNonRoot"`
			RunAsUser      int  `yaml:"runAsUser"`
			RunAsGroup     int  `yaml:"runAsGroup"`
			FSGroup        int  `yaml:"fsGroup"`
			SeccompProfile struct {
				Type string `yaml:"type"`
			} `yaml:"seccompProfile"`
		} `yaml:"securityContext"`
		Containers []container `yaml:"containers"`
		Volumes    []struct {
			Name      string `yaml:"name"`
			ConfigMap struct {
				Name string `yaml:"name"`
			} `yaml:"configMap"`
			PersistentVolumeClaim struct {
				ClaimName string `yaml:"claimName"`
			} `yaml:"persistentVolumeClaim"`
			EmptyDir struct {
				SizeLimit string `yaml:"sizeLimit"`
			} `yaml:"emptyDir"`
		} `yaml:"volumes"`
	}
	container struct {
		Name  string   `yaml:"name"`
		Image string   `yaml:"image"`
		Args  []string `yaml:"args"`
		Env   []struct {
			Name      string `yaml:"name"`
			ValueFrom struct {
				SecretKeyRef struct {
					Name string `yaml:"name"`
					Key  string `yaml:"key"`
				} `yaml:"secretKeyRef"`
			} `yaml:"valueFrom"`
		} `yaml:"env"`
		Resources struct {
			Requests map[string]string `yaml:"requests"`
			Limits   map[string]string `yaml:"limits"`
		} `yaml:"resources"`
		SecurityContext struct {
			AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
			Capabilities             struct {
				Drop []string `yaml:"drop"`
			} `yaml:"capabilities"`
		} `yaml:"securityContext"`
		VolumeMounts []struct {
			Name      string `yaml:"name"`
			MountPath string `yaml:"mountPath"`
			ReadOnly  bool   `yaml:"readOnly"`
		} `yaml:"volumeMounts"`
	}
)

func manifest(t *testing.T) (cm configMap, pvc claim, job cronJob) {
	t.Helper()
	raw, err := os.ReadFile("kubernetes/cronjob.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	for _, into := range []any{&cm, &pvc, &job} {
		if err := dec.Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	if cm.APIVersion+cm.Kind != "v1ConfigMap" || pvc.APIVersion+pvc.Kind != "v1PersistentVolumeClaim" || job.APIVersion+job.Kind != "batch/v1CronJob" {
		t.Fatalf("kinds are %s, %s, %s", cm.Kind, pvc.Kind, job.Kind)
	}
	return cm, pvc, job
}

func TestTheManifestsConfigurationIsValid(t *testing.T) {
	t.Parallel()
	cm, pvc, job := manifest(t)
	pod := job.Spec.JobTemplate.Spec.Template.Spec
	c := pod.Containers[0]
	given := map[string]bool{}
	for _, e := range c.Env {
		given[e.Name] = e.ValueFrom.SecretKeyRef.Name != "" && e.ValueFrom.SecretKeyRef.Key != ""
	}
	cfg, err := Load(write(t, cm.Data["tieout.yaml"]), specs, func(name string) (string, bool) {
		if !given[name] {
			return "", false
		}
		return environment(name)
	})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Timezone != job.Spec.TimeZone {
		t.Errorf("yesterday is cut in %s, the job starts in %s", cfg.Timezone, job.Spec.TimeZone)
	}
	if cfg.Database.URL == "" {
		t.Error("the embedded database is not for clusters")
	}
	mounted := map[string]string{}
	for _, m := range c.VolumeMounts {
		mounted[m.MountPath] = m.Name
	}
	for _, v := range pod.Volumes {
		switch v.Name {
		case mounted[cfg.Reports.Dir]:
			if v.PersistentVolumeClaim.ClaimName != pvc.Metadata.Name {
				t.Error("reports don't go to the claim")
			}
		case mounted["/tmp"]:
			if v.EmptyDir.SizeLimit == "" {
				t.Error("temporary files have no limit")
			}
		case mounted["/etc/tieout"]:
			if v.ConfigMap.Name != cm.Metadata.Name {
				t.Error("another configuration is mounted")
			}
		default:
			t.Errorf("volume %s is mounted nowhere", v.Name)
		}
	}
	if len(mounted) != len(pod.Volumes) {
		t.Errorf("%d mounts of %d volumes", len(mounted), len(pod.Volumes))
	}
}

func TestTheManifestStartsOneDailyRunAtATime(t *testing.T) {
	t.Parallel()
	_, _, job := manifest(t)
	s := job.Spec
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		t.Fatal(err)
	}
	schedule, err := cron.ParseStandard(s.Schedule)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 7, 0, 0, 0, zone)
	if next := schedule.Next(now); next.Day() != 2 || next.Hour() < 1 || next.Hour() > 12 {
		t.Errorf("starts next at %v, want the next morning", next)
	}
	if s.ConcurrencyPolicy != "Forbid" || s.StartingDeadlineSeconds < 600 || s.StartingDeadlineSeconds > 86400 {
		t.Errorf("%s, %d s: a late start must neither be lost nor meet the next one", s.ConcurrencyPolicy, s.StartingDeadlineSeconds)
	}
	spec := s.JobTemplate.Spec
	if spec.ActiveDeadlineSeconds == 0 || spec.ActiveDeadlineSeconds > 86400 || spec.TTLSecondsAfterFinished == 0 {
		t.Error("a run must end, and be cleared away")
	}
	c := spec.Template.Spec.Containers[0]
	if got := strings.Join(c.Args[:2], " "); got != "run --yesterday" {
		t.Errorf("runs %q", got)
	}
	if spec.Template.Spec.RestartPolicy != "Never" {
		t.Error("a pod failure policy needs restartPolicy Never")
	}
	for _, r := range spec.PodFailurePolicy.Rules {
		if r.Action == "FailJob" && (r.OnExitCodes.ContainerName != c.Name || slices.Contains(r.OnExitCodes.Values, 1) || slices.Contains(r.OnExitCodes.Values, 4)) {
			t.Error("a failed run, and one that found the days locked, must be tried again")
		}
	}
}

func TestTheManifestGivesAwayNoRights(t *testing.T) {
	t.Parallel()
	_, _, job := manifest(t)
	pod := job.Spec.JobTemplate.Spec.Template.Spec
	if !pod.SecurityContext.RunAsNonRoot || pod.SecurityContext.RunAsUser == 0 || pod.SecurityContext.FSGroup == 0 {
		t.Error("must not run as root")
	}
	if pod.SecurityContext.SeccompProfile.Type != "RuntimeDefault" {
		t.Error("no seccomp profile")
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Error("the cluster's token is mounted")
	}
	for _, c := range pod.Containers {
		sc := c.SecurityContext
		if sc.AllowPrivilegeEscalation == nil || *sc.AllowPrivilegeEscalation || !sc.ReadOnlyRootFilesystem || !slices.Equal(sc.Capabilities.Drop, []string{"ALL"}) {
			t.Errorf("container %s: %+v", c.Name, sc)
		}
		for _, what := range []string{"cpu", "memory"} {
			if c.Resources.Requests[what] == "" {
				t.Errorf("container %s asks for no %s", c.Name, what)
			}
		}
		if c.Resources.Limits["memory"] == "" {
			t.Errorf("container %s has no memory limit", c.Name)
		}
	}
}
